"""Who is asked when: how often creators post is learned, and the calls of a day are divided; pure."""
