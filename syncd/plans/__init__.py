"""What people and programs write of a channel's plan: files of rules, listings and bundles, and queries."""
