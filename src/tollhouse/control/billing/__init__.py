"""What became of a customer's usage at Stripe: how much is where, dead letters, and what Stripe reports about them."""
