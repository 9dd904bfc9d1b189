"""The referee of methods: pictures of many methods for the same pairs, their figures, what can be said of them."""
