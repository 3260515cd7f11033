"""What happened, as money: a receipt a call, and the outbox of usage events for billing."""
