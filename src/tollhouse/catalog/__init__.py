"""What can be bought, from whom, at which price. Pure: no database, no HTTP; one function reads one file.

Words: a *provider* is a slug in Cloudflare's paths; a *model* is what that provider sells under one id; a
*price* has one *tier* of *rates* per size of input; *unpriced* means that nobody told us what a call costs,
which is not the same as free. It refuses to guess: what it cannot bound stays unpriced until an override
prices it.
"""
