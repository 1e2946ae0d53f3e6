"""The program: settings, commands, the composition root that puts the parts together, and the one clock."""
