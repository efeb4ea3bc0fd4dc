"""A recipe: data, method, mixer, encoder, views and training, by name, checked against the signatures, stored with a run.

    version:  2
    data:     {source: table.csv, label: y}
    method:   {name: imix, temperature: 0.2}
    mixer:    {name: mixup, alpha: 1.0}
    encoder:  {name: mlp, widths: [512, 512]}
    views:    {mask: {p: 0.2}, noise: {scale: 0.1}}         in this order; an empty mapping is no views
    training: {epochs: 100, batch: 256, lr: 0.001}
    evaluation: {linear: {protocol: lbfgs}}                 "default" among the names: all that apply to the data
    seed: 0

`check` makes a `Request` of such sections; `decide` makes a `Recipe` of it once the data are known, with a reason for every
decision. All mistakes are reported together.
"""

from mixtrast.recipe import named as named
from mixtrast.recipe.check import check as check
from mixtrast.recipe.decide import DataSummary as DataSummary
from mixtrast.recipe.decide import chosen_evaluations as chosen_evaluations
from mixtrast.recipe.decide import decide as decide
from mixtrast.recipe.decide import steps_of as steps_of
from mixtrast.recipe.decide import with_defaults as with_defaults
from mixtrast.recipe.errors import RecipeError as RecipeError
from mixtrast.recipe.errors import collected as collected
from mixtrast.recipe.file import differences as differences
from mixtrast.recipe.file import load as load
from mixtrast.recipe.file import write as write
from mixtrast.recipe.merge import layered as layered
from mixtrast.recipe.merge import merge as merge
from mixtrast.recipe.recipe import DEFAULT as DEFAULT
from mixtrast.recipe.recipe import OWN as OWN
from mixtrast.recipe.recipe import DataSection as DataSection
from mixtrast.recipe.recipe import Options as Options
from mixtrast.recipe.recipe import Part as Part
from mixtrast.recipe.recipe import Recipe as Recipe
from mixtrast.recipe.recipe import Request as Request
from mixtrast.recipe.recipe import Value as Value
from mixtrast.recipe.sections import sections as sections
from mixtrast.recipe.training import Training as Training
