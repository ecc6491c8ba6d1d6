"""Reports about creators: numbers in sentences, tables and pictures, as HTML, XLSX, Markdown and JSON."""
