"""Who may pass: virtual keys, the permit a key grants, and the models on its list."""
