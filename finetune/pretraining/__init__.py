"""A small causal model of our own, made from nothing: tokenizer, pretraining, supervised tuning, figures."""
