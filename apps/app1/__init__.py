"""App 1: content that its users create and pay to see."""
