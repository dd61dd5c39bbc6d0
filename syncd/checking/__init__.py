"""What an installation gets wrong, each with what to do about it. Looking changes nothing."""
