"""HTML pages that stand alone: a document with its style, charts as SVG, media inside of the file."""
