"""One trial: data to tensors, loss mixture, training loop, evaluation."""
