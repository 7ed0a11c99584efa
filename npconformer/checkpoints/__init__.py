"""Reading and writing weights and configurations."""
