"""What the metadata extraction gets right on a corpus of model cards, without a language model."""
