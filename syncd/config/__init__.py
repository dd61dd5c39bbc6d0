"""What the operator wrote in syncd.toml: parsed, checked, and complete before anything starts."""
