"""A recipe: which data, method, mixer, encoder, views and training, by name, checked against the signatures, kept with a run.

    data:     {source: table.csv, label: y}
    method:   {name: imix, temperature: 0.2}
    mixer:    {name: mixup, alpha: 1.0}
    encoder:  {name: mlp, widths: [512, 512]}
    views:    {mask: {p: 0.2}, noise: {scale: 0.1}}         in this order; an empty mapping is no views
    training: {epochs: 100, batch: 256, lr: 0.001}
    evaluation: {linear: {protocol: lbfgs}}                 "usual" among the names: all that suit such data
    seed: 0

What is left out is decided when the data are known; `why` then keeps the reason of every such decision. All problems of a
recipe are told at once.
"""

from mixtrast.recipe import named as named
from mixtrast.recipe.check import BESIDE as BESIDE
from mixtrast.recipe.check import RecipeError as RecipeError
from mixtrast.recipe.check import check as check
from mixtrast.recipe.decide import Facts as Facts
from mixtrast.recipe.decide import chosen_evaluations as chosen_evaluations
from mixtrast.recipe.decide import decide as decide
from mixtrast.recipe.decide import full as full
from mixtrast.recipe.decide import steps_of as steps_of
from mixtrast.recipe.file import differences as differences
from mixtrast.recipe.file import merge as merge
from mixtrast.recipe.file import portable as portable
from mixtrast.recipe.file import read as read
from mixtrast.recipe.file import write as write
from mixtrast.recipe.training import Training as Training
