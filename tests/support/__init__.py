"""What scripted tests stand on."""
