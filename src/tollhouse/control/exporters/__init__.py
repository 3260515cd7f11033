"""Where customers have the spans of their calls sent: set, tried, watched; and the loop that sends."""
