"""Tampering: what meters show when somebody does not want them to tell.

:mod:`.point` judges the samples of one point, :mod:`.site` the points of a site against each other and :mod:`.fleet`
the grid frequency of all sites. What is found is a lead: a blown fuse looks like a bypassed transformer.
"""
