"""Hidden Markov models: what speech was recognised with, each input a sequence of feature vectors of any length."""
