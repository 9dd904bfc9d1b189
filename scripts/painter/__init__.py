"""The painter of the project's own style pictures: strokes, fields of flow, and one module per picture."""
