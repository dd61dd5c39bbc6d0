"""What we say to a marketplace, and what it answered."""
