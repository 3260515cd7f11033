"""How a customer comes to be and how it ends: the stories that span rooms."""
