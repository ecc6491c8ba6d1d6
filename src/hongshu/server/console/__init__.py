"""The console: pages for those who look at creators and for those who run this installation."""
