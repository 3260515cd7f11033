"""Keys of another gateway, made anew here. Secrets cannot be carried over: nobody has them but their holders."""
