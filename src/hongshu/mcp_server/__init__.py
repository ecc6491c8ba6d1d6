"""Tools for assistants over the Model Context Protocol: read-only, metered like anyone's calls, within a cap on spend.

Whatever a stranger wrote on the platform is told as such, with control and invisible characters shown as escapes.
"""
