"""The book: budgets, holds and entries. The only writer of balances.

Words: a *budget* hangs on a scope; its *account* is one period of it; a *hold* is money set aside for a call
before it is sent; an *entry* is one immutable line of the book. The rules live in SQL functions (see the
migration), so that every process and every node obeys the same ones.
"""
