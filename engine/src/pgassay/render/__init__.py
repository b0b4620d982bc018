"""What all reports have in common: text, Markdown, HTML, JSON, JUnit, annotations on GitHub."""
