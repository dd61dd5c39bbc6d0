"""The status page: how all stands, for people who look at it rarely, and what they may do about it."""
