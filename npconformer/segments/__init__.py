"""Who speaks when: from the probabilities of frames to segments, and the file format for them."""
