"""What we remember: the ledger, the stock levels, and how both came to be.

It never speaks HTTP, reads files or decides.
"""
