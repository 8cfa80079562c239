"""./dev screenshots: the pictures of the README and of the app's page."""
