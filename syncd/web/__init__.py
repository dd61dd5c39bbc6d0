"""What the daemon serves over HTTP: the status page, metrics, whether it is well."""
