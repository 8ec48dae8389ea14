"""What a sweep will take, foreseen from measurements: costs, rows, sizes, and the words for them."""
