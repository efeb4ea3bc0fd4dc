"""Write an encoder as a file for other programs: ONNX, a torch program, or safetensors with JSON."""

from mixtrast.export.formats import FORMATS as FORMATS
from mixtrast.export.formats import Format as Format
from mixtrast.export.formats import write as write
