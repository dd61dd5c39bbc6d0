"""How stock is read: files dropped into a folder, and other programs' databases."""
