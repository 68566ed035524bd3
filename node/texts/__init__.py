"""What people read, in Japanese and English, one TOML file per language."""
