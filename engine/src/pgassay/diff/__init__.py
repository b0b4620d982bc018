"""Two schemas side by side: who gained what, because of which change, with a witness."""
