"""What every part of Inhouse shares. Imports no sibling package."""
