"""From settings to opened parts of a house, one module for each; `app` puts them together and closes them."""
