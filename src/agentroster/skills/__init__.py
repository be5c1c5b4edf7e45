"""Skills: folders that give an agent instructions and tools."""
