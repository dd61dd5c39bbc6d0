"""The commands, one module each: `command` is what the group imports when it is called."""
