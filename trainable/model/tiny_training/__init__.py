"""Makes the embedded tiny base from nothing: tokenizer, vision tower, language model, both together."""
