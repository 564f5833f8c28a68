# coding: rot13
# An encoding that is none of text.
cevag('k')
