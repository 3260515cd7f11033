"""Back office: what is billed, and to whom. Knows no customer of ours but by what it is handed."""
