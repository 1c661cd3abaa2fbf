"""Where examples come from: sources, containers and the loader, shared by the three modalities."""
