"""The command layer: reads options, prints results, turns errors into exit codes."""
