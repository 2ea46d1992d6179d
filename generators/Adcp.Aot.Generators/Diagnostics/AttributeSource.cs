using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Adcp.Aot.Generators.Diagnostics;

/// <summary>Where an attribute and its arguments stand in the source.</summary>
internal sealed class AttributeSource(AttributeData attribute, CancellationToken cancellationToken)
{
    private readonly AttributeSyntax? _syntax = attribute.ApplicationSyntaxReference?.GetSyntax(cancellationToken) as AttributeSyntax;

    public Location Whole => _syntax?.GetLocation() ?? Location.None;

    /// <summary>The n-th positional argument.</summary>
    public Location Argument(int position) => _syntax?.ArgumentList?.Arguments
        .Where(static argument => argument.NameEquals is null).Skip(position).FirstOrDefault()?.Expression.GetLocation() ?? Whole;

    /// <summary>What a <c>nameof</c> at the n-th positional argument names; it has no value while there is no such member.</summary>
    public string? NameOf(int position) =>
        _syntax?.ArgumentList?.Arguments.Where(static argument => argument.NameEquals is null).Skip(position).FirstOrDefault()?.Expression
        is InvocationExpressionSyntax
        {
            Expression: IdentifierNameSyntax { Identifier.ValueText: "nameof" },
            ArgumentList.Arguments: [{ Expression: IdentifierNameSyntax name }]
        }
        ? name.Identifier.ValueText
        : null;

    /// <summary>The value of a named argument.</summary>
    public Location Argument(string name) => _syntax?.ArgumentList?.Arguments
        .FirstOrDefault(argument => argument.NameEquals?.Name.Identifier.ValueText == name)?.Expression.GetLocation() ?? Whole;

    /// <summary>A named argument's value; <c>null</c> if it is not given.</summary>
    public T? Named<T>(string name)
    {
        foreach (KeyValuePair<string, TypedConstant> argument in attribute.NamedArguments)
        {
            if (argument.Key == name && argument.Value.Value is T value)
            {
                return value;
            }
        }

        return default;
    }
}
