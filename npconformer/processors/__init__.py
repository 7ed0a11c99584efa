"""Between a recording and the model, and between the model and the text: extractor and tokenizer together."""
